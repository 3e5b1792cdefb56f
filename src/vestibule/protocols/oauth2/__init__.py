"""OAuth 2.0 as a client: PKCE, client authentication, callbacks and token answers (RFC 6749, 7523, 7636, 9207)."""

from vestibule.protocols.oauth2.answers import TokenAnswer, read_token_answer, retry_after
from vestibule.protocols.oauth2.callback import Returned, check_issuer, read_callback
from vestibule.protocols.oauth2.client import ASSERTION_TYPE, ClientIdentity, Prover
from vestibule.protocols.oauth2.endpoints import acceptable
from vestibule.protocols.oauth2.pkce import challenge_of, new_verifier
from vestibule.protocols.oauth2.token import ask_token

__all__ = [
    "ASSERTION_TYPE",
    "ClientIdentity",
    "Prover",
    "Returned",
    "TokenAnswer",
    "acceptable",
    "ask_token",
    "challenge_of",
    "check_issuer",
    "new_verifier",
    "read_callback",
    "read_token_answer",
    "retry_after",
]
