"""The words of OCSF 1.8.0 that we use: each caption with its number."""

from domain.evidence.siem.notice import Answer, Severity, Subject, Verb

VERSION = "1.8.0"

CLASSES = {
    Subject.ACTIVITY: (6, "Application Activity", 6003, "API Activity"),
    Subject.ENTITY: (3, "Identity & Access Management", 3004, "Entity Management"),
    Subject.FINDING: (2, "Findings", 2004, "Detection Finding"),
    Subject.LIFECYCLE: (6, "Application Activity", 6002, "Application Lifecycle"),
}
"""Category and class of each subject."""

OTHER = 99

VERBS = {
    Subject.ACTIVITY: {Verb.CREATE: 1, Verb.READ: 2, Verb.UPDATE: 3, Verb.DELETE: 4},
    Subject.ENTITY: {
        Verb.CREATE: 1,
        Verb.READ: 2,
        Verb.UPDATE: 3,
        Verb.DELETE: 4,
        Verb.ACTIVATE: 10,
        Verb.DEACTIVATE: 11,
    },
    Subject.FINDING: {Verb.CREATE: 1},
    Subject.LIFECYCLE: dict[Verb, int](),
}
"""The activities of each class; all others are ``OTHER`` there."""

SEVERITIES = {
    Severity.INFORMATIONAL: 1,
    Severity.LOW: 2,
    Severity.MEDIUM: 3,
    Severity.HIGH: 4,
}

ANSWERS = {
    Answer.ALLOWED: (1, "Allowed", 1, "Allowed"),
    Answer.BLOCKED: (2, "Denied", 2, "Blocked"),
    Answer.CHALLENGED: (0, "Unknown", 23, "Challenge"),
    Answer.APPROVED: (1, "Allowed", 8, "Approved"),
    Answer.REJECTED: (2, "Denied", 25, "Rejected"),
    Answer.EXPIRED: (2, "Denied", 26, "Unauthorized"),
    Answer.CANCELLED: (2, "Denied", 99, "Cancelled"),
    Answer.OBSERVED: (3, "Observed", 17, "Logged"),
    Answer.ERRED: (2, "Denied", 27, "Error"),
}
"""Action and disposition of each answer. A hold is a challenge: nothing is decided yet."""

RISKS = {
    "low": (1, "Low"),
    "medium": (2, "Medium"),
    "high": (3, "High"),
    "critical": (4, "Critical"),
}

ENTITIES = {"Group": 3, "Organization": 4, "Policy": 5}
"""The types of what operators change; all others are ``OTHER``."""
