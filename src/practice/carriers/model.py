"""What carriers keep in the hospital's book: accounts, and the numbers they own."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Number = Annotated[str, Meta(pattern=r"^\+[1-9]\d{6,14}$")]
Word = Annotated[str, Meta(max_length=200)]
Address = Annotated[str, Meta(max_length=2000, pattern=r"^(https?://[^\s]+)?$")]
Kind = Literal["toll_free", "local"]
CarrierName = Literal["twilio", "azure"]
# The vendor's words for how far a toll-free number's verification has come; empty before it was asked for.
Verified = Literal["", "PENDING_REVIEW", "IN_REVIEW", "TWILIO_APPROVED", "TWILIO_REJECTED"]

APPROVED: Verified = "TWILIO_APPROVED"


class TwilioAccount(Struct, kw_only=True):
    """An account at the Twilio-like carrier.

    Attributes:
        opt_out: who answers STOP: `default` the carrier, `advanced` the carrier and says so in the webhook, `off` nobody.
        per_second: requests to send a second before 429; 0 for no limit.
        verification: whether texts from unverified toll-free numbers are blocked (30032).
        retry_seconds: pause before a webhook is tried again.
    """

    sid: Annotated[str, Meta(pattern=r"^AC[0-9a-f]{32}$")]
    token: Word
    name: Word = "Practice account"
    service: Annotated[str, Meta(pattern=r"^MG[0-9a-f]{32}$")] = "MG" + "0" * 32
    opt_out: Literal["default", "advanced", "off"] = "default"
    per_second: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    suspended: bool = False
    verification: bool = False
    retry_seconds: Annotated[float, Meta(ge=0, le=600)] = 1


class AzureResource(Struct, kw_only=True):
    """A resource at the Azure-like carrier, with its Event Grid subscription.

    Attributes:
        key: access key, Base64.
        webhook: where events are delivered; empty for no subscription.
        header: name of a static delivery property sent with each event, with `header_value`.
        per_minute: texts a minute and number before 429; 0 for no limit.
        verification: whether unverified toll-free numbers have a cap of `daily` texts (4010).
        batch: at most so many events in one delivery.
        operation_seconds: how long a search or purchase of numbers takes.
        retry_seconds: the first pause before an event is delivered again; it doubles.
    """

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9\-]{1,63}$")]
    key: Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/]+={0,2}$", max_length=400)]
    webhook: Address = ""
    header: Annotated[str, Meta(pattern=r"^[A-Za-z0-9\-]{0,60}$")] = ""
    header_value: Word = ""
    per_minute: Annotated[int, Meta(ge=0, le=1_000_000)] = 200
    verification: bool = False
    daily: Annotated[int, Meta(ge=0, le=1_000_000)] = 500
    batch: Annotated[int, Meta(ge=1, le=100)] = 1
    operation_seconds: Annotated[float, Meta(ge=0, le=600)] = 1
    retry_seconds: Annotated[float, Meta(ge=0, le=600)] = 1


class OwnedNumber(Struct, kw_only=True):
    """A number that somebody bought.

    Attributes:
        owner: SID of an account, or name of a resource.
        registered: of a local number: whether its traffic is registered; if not, texts are blocked (30034).
    """

    number: Number
    carrier: CarrierName
    owner: Word
    kind: Kind = "local"
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$")] = "US"
    id: Word = ""
    name: Word = ""
    sms_url: Address = ""
    sms_method: Literal["GET", "POST"] = "POST"
    status_url: Address = ""
    verification: Verified = ""
    verification_id: Word = ""
    registered: bool = True
    bought: Word = ""


class MailServer(Struct, kw_only=True):
    """The mail server: who may sign in, and whether that and encryption are demanded."""

    user: Word = "eastmere"
    password: Word = "practice"
    need_auth: bool = False
    need_tls: bool = False
