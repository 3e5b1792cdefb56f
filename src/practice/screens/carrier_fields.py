"""What the forms ask of carriers: accounts, resources, numbers, the mail server."""

from __future__ import annotations

from typing import get_args

from practice.carriers.model import Verified
from practice.screens.fields import Field, fixed

_VERIFIED = {
    "": "not asked for",
    "PENDING_REVIEW": "asked for, waiting",
    "IN_REVIEW": "being looked at",
    "TWILIO_APPROVED": "verified",
    "TWILIO_REJECTED": "rejected",
}

CARRIER_FORMS: dict[str, tuple[str, list[Field]]] = {
    "twilio_accounts": (
        "Account at the Twilio-like carrier",
        [
            Field("sid", "Account SID", fixed=True, hint="AC and 32 hexadecimal digits"),
            Field("token", "Auth token"),
            Field("name", "Name"),
            Field(
                "opt_out",
                "STOP is answered by",
                "choice",
                options=fixed(("default", "the carrier"), ("advanced", "the carrier, and the webhook says so"), ("off", "nobody here")),
            ),
            Field("per_second", "Requests a second", "number", hint="Above it 429; 0 for no limit"),
            Field("verification", "Block texts from unverified toll-free numbers (30032)", "tick", off=True),
            Field("suspended", "Suspended", "tick", off=True),
            Field("retry_seconds", "A webhook is tried again after (s)", "number"),
        ],
    ),
    "azure_resources": (
        "Resource at the Azure-like carrier",
        [
            Field("name", "Name", fixed=True),
            Field("key", "Access key", hint="Base64"),
            Field("webhook", "Event Grid delivers to", hint="The endpoint must say its validation code back"),
            Field("header", "Static header"),
            Field("header_value", "Its value"),
            Field("per_minute", "Texts a minute from a number", "number", hint="Above it 429; 0 for no limit"),
            Field("verification", "Cap unverified toll-free numbers (4010)", "tick", off=True),
            Field("daily", "The cap a day", "number"),
            Field("batch", "Events in one delivery, at most", "number"),
            Field("operation_seconds", "Searching or buying a number takes (s)", "number"),
            Field("retry_seconds", "An event is delivered again after (s)", "number", hint="Doubled each time"),
        ],
    ),
    "numbers": (
        "Number",
        [
            Field("number", "Number", fixed=True, hint="Like +12065550190"),
            Field("carrier", "Carrier", "choice", options=fixed(("twilio", "Twilio-like"), ("azure", "Azure-like"))),
            Field("owner", "Owner", hint="Account SID or resource name"),
            Field("kind", "Kind", "choice", options=fixed(("toll_free", "toll-free"), ("local", "local"))),
            Field("sms_url", "Incoming texts go to", hint="For the Twilio-like carrier"),
            Field(
                "verification",
                "Toll-free verification",
                "choice",
                options=fixed(*((word, _VERIFIED[word]) for word in get_args(Verified))),
            ),
            Field("registered", "Traffic of a local number is registered", "tick"),
        ],
    ),
    "mail": (
        "Mail server",
        [
            Field("user", "User"),
            Field("password", "Password"),
            Field("need_auth", "Demand signing in", "tick"),
            Field("need_tls", "Demand STARTTLS", "tick"),
        ],
    ),
}
