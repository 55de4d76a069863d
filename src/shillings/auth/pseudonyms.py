"""Names for people in logs: the same for the same person, and nobody's who does not have the key."""

import hmac

CHARACTERS = 16


class Pseudonyms:
    """Hashes of emails, keyed by a secret of the service, so that nobody can try emails against a log.

    Args:
        secret: any secret; what is derived from it serves for nothing else.
    """

    def __init__(self, secret: str) -> None:
        self._key = hmac.digest(secret.encode(), b"pseudonyms in logs", "sha256")

    def of(self, text: str) -> str:
        """The pseudonym of a text.

        >>> Pseudonyms("a").of("ann@example.com") == Pseudonyms("b").of("ann@example.com")
        False
        """
        return hmac.digest(self._key, text.encode(errors="surrogatepass"), "sha256").hex()[:CHARACTERS]
