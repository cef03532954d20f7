"""The policy of a tenant that has none yet: nothing runs, and the record says why."""

from counterseal.core.policy.load import parse_bundle

NO_BUNDLE = parse_bundle(
    {
        "bundle.yaml": """
bundle: none
version: "0"
groups: {operators: Whoever activates bundles}
defaults: {route: {groups: [operators], timeout: 1h}}
classes:
  - id: no-policy
    title: No policy bundle is active for this tenant
    tools: ["*"]
    verdict: BLOCK
    risk: high
"""
    }
)
