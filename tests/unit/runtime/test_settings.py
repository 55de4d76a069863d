"""Settings come from variables and flags; a wrong one is refused with a sentence that names it."""

import pytest

from shillings.base.errors import SettingsError
from shillings.runtime.settings import Settings, describe, read

KEY = "0123456789abcdef0123456789abcdef"

WRONG = [
    ("SHILLINGS_REQUEST_TIMEOUT_MS", "99"),
    ("SHILLINGS_REQUEST_TIMEOUT_MS", "soon"),
    ("SHILLINGS_REQUEST_TIMEOUT_MS", ""),
    ("SHILLINGS_CURRENCY", "usd"),
    ("SHILLINGS_CURRENCY", "DOLLARS"),
    ("SHILLINGS_CURRENCY_DECIMALS", "5"),
    ("SHILLINGS_CURRENCY_DECIMALS", "-1"),
    ("SHILLINGS_REQUIRE_DURABLE", "maybe"),
    ("SHILLINGS_COOKIE_NAME", ""),
    ("SHILLINGS_COOKIE_NAME", "a b"),
    ("SHILLINGS_LOG_FORMAT", "xml"),
    ("SHILLINGS_LOG_LEVEL", "loud"),
    ("SHILLINGS_BATCH_ITEMS_MAX", "0"),
    ("SHILLINGS_BATCH_ITEMS_MAX", "513"),
    ("SHILLINGS_QUEUE_ITEMS_MAX", "0"),
    ("SHILLINGS_TOKEN_LIFETIME_SECONDS", "0"),
    ("SHILLINGS_DATABASE_WAIT_SECONDS", "-1"),
    ("SHILLINGS_PASSWORD_THREADS", "65"),
]


@pytest.mark.parametrize(("variable", "value"), WRONG)
def test_wrong_value_is_refused_by_name(variable: str, value: str) -> None:
    """A value of the wrong form or beyond its bounds is refused, and the variable is named."""
    with pytest.raises(SettingsError, match=f"{variable} is wrong: "):
        read({variable: value})


@pytest.mark.parametrize(
    ("variable", "suggestion"),
    [
        ("SHILLINGS_DATABSE_URL", "did you mean SHILLINGS_DATABASE_URL"),
        ("SHILLINGS_JWT_KEY", "did you mean SHILLINGS_JWT_KEYS"),
        ("SHILLINGS_data_dir", "did you mean SHILLINGS_DATA_DIR"),
        ("SHILLINGS_ZZZ", "docs/settings.md lists them all"),
    ],
)
def test_unknown_variable_is_refused_with_a_suggestion(variable: str, suggestion: str) -> None:
    """A misspelt variable is not ignored; the nearest real one is suggested."""
    with pytest.raises(SettingsError, match=suggestion):
        read({variable: "x"})


def test_other_variables_are_left_alone() -> None:
    """What does not begin with SHILLINGS_ is none of our business."""
    assert read({"PATH": "/bin", "MY_SHILLINGS_X": "1"}) == Settings()


@pytest.mark.parametrize(("variable", "default", "description"), describe())
def test_default_is_what_the_documentation_says(variable: str, default: str, description: str) -> None:
    """Setting a variable to its documented default changes nothing, and each has a description."""
    assert read({variable: default}) == read({}) == Settings()
    assert description.endswith(".")


def test_values_are_read() -> None:
    """Numbers, switches and words arrive as what they are, without outer white space."""
    settings = read(
        {
            "SHILLINGS_REQUEST_TIMEOUT_MS": " 250 ",
            "SHILLINGS_REQUIRE_DURABLE": "1",
            "SHILLINGS_COOKIE_SECURE": "true",
            "SHILLINGS_CURRENCY": "JPY",
            "SHILLINGS_CURRENCY_DECIMALS": "1",
            "SHILLINGS_LOG_FORMAT": "json",
        }
    )

    assert (settings.request_timeout_ms, settings.require_durable, settings.cookie_secure) == (250, True, True)
    assert (settings.currency, settings.decimals, settings.log_format) == ("JPY", 1, "json")


@pytest.mark.parametrize(("currency", "decimals"), [("USD", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("ABC", 2)])
def test_decimals_follow_iso_4217(currency: str, decimals: int) -> None:
    """A currency has the decimals that ISO 4217 gives it, two if it gives none, and others only where they are set."""
    assert read({"SHILLINGS_CURRENCY": currency}).decimals == decimals
    assert read({"SHILLINGS_CURRENCY": currency, "SHILLINGS_CURRENCY_DECIMALS": "1"}).decimals == 1


def test_flags_win_over_variables() -> None:
    """What the command line says wins; where it says nothing, the variable does."""
    environ = {"SHILLINGS_DATA_DIR": "from-variable"}

    assert read(environ, data_dir="from-flag").data_dir == "from-flag"
    assert read(environ, data_dir=None).data_dir == "from-variable"


@pytest.mark.parametrize("keys", ["short", f"{KEY},short", KEY[:31], "ä" * 15 + "x"])
def test_short_key_is_refused(keys: str) -> None:
    """Every JWT secret needs 32 bytes, also those that only verify."""
    with pytest.raises(SettingsError, match="32 are the least"):
        read({"SHILLINGS_JWT_KEYS": keys})


@pytest.mark.parametrize("keys", ["0" * 64, "changeme" * 8, "abc" * 20])
def test_guessable_key_is_refused(keys: str) -> None:
    """A long secret of few different characters is no secret; the refusal says how to make one."""
    with pytest.raises(SettingsError, match="openssl rand -hex 32"):
        read({"SHILLINGS_JWT_KEYS": keys})


@pytest.mark.parametrize(
    "origin", ["*", "null", "localhost:3000", "http://a.example/", "ftp://a.example", "http://a,b"]
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    """Origins are written as browsers write them; there is no wildcard."""
    with pytest.raises(SettingsError, match=r"SHILLINGS_ALLOWED_ORIGINS: .* is no origin"):
        read({"SHILLINGS_ALLOWED_ORIGINS": f"http://localhost:3000,{origin}"})


def test_keys_are_split() -> None:
    """Keys are separated by commas; white space and empty ones do not count, and the first one signs."""
    assert read({"SHILLINGS_JWT_KEYS": f" {KEY} , ,{KEY[::-1]},"}).signing_keys() == [KEY, KEY[::-1]]
    assert read({}).signing_keys() == []


def test_no_secret_is_repeated_in_a_refusal() -> None:
    """The sentence about a bad secret does not contain it."""
    with pytest.raises(SettingsError) as refused:
        read({"SHILLINGS_JWT_KEYS": "hunter2"})

    assert "hunter2" not in str(refused.value)
