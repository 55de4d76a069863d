"""Tokens: what was signed with one of our keys and has not expired passes, and nothing else."""

import os
import stat
from pathlib import Path

import pytest

from shillings import ids
from shillings.auth import tokens as tokens_module
from shillings.auth.tokens import TOKEN_CHARACTERS_MAX, Claims, Tokens, generated_key
from shillings.errors import Code, Refusal
from tests.unit.auth import forged


class Clock:
    """Unix seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = float(forged.NOW)

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands."""
    return Clock()


@pytest.fixture
def tokens(clock: Clock) -> Tokens:
    """Tokens of one key, living 60 seconds."""
    return Tokens([forged.KEY], 60, clock)


def test_hand_made_token_passes(tokens: Tokens) -> None:
    """A right token passes, so the forged ones fail for what is wrong with them."""
    assert tokens.verify(forged.token()) == Claims(ids.read(forged.USER), ids.read(forged.SESSION), forged.NOW + 60)


@pytest.mark.parametrize("token", forged.FORGED.values(), ids=forged.FORGED)
def test_forged_token_is_refused(tokens: Tokens, token: str) -> None:
    """Every forged token gets the same refusal, whatever is wrong with it, and again when it is sent again."""
    for _ in range(2):
        with pytest.raises(Refusal) as refused:
            tokens.verify(token)

        assert refused.value.code is Code.UNAUTHENTICATED
        assert refused.value.message == tokens_module.unauthenticated().message


def test_made_token_says_whose_it_is(tokens: Tokens) -> None:
    """A token carries its user, a new session id and its end, and fits its limit."""
    user_id = ids.new_id()
    token, claims = tokens.make(user_id)
    _, others = tokens.make(user_id)

    assert tokens.verify(token) == claims
    assert (claims.user_id, claims.expires_at) == (user_id, forged.NOW + 60)
    assert claims.token_id != others.token_id
    assert len(token) < TOKEN_CHARACTERS_MAX / 2


def test_token_ends_on_time(tokens: Tokens, clock: Clock) -> None:
    """A token that was verified before is refused from the second on at which it expires."""
    token, claims = tokens.make(ids.new_id())
    assert tokens.verify(token) == claims
    clock.now += 59.9
    assert tokens.verify(token) == claims
    assert tokens.seconds_left(claims) == 0
    clock.now += 0.1

    with pytest.raises(Refusal):
        tokens.verify(token)
    assert tokens.seconds_left(claims) == 0


def test_keys_rotate(clock: Clock) -> None:
    """A new key in front signs; the old one still verifies, until it is taken out."""
    old, new = Tokens([forged.WRONG_KEY], 60, clock), Tokens([forged.KEY, forged.WRONG_KEY], 60, clock)
    after = Tokens([forged.KEY], 60, clock)
    old_token, claims = old.make(ids.new_id())
    new_token, new_claims = new.make(ids.new_id())

    assert new.verify(old_token) == claims
    assert after.verify(new_token) == new_claims
    for verifier, token in ((after, old_token), (old, new_token)):
        with pytest.raises(Refusal):
            verifier.verify(token)


def test_verified_tokens_are_forgotten_in_time(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered about verified tokens is bounded, and forgetting changes no answer."""
    monkeypatch.setattr(tokens_module, "VERIFIED_MAX", 3)
    made = [tokens.make(ids.new_id()) for _ in range(10)]
    for _ in range(2):
        assert [tokens.verify(token) for token, _ in made] == [claims for _, claims in made]
        assert len(tokens._verified) <= 3


def test_generated_key_is_kept_and_private(tmp_path: Path) -> None:
    """The key of the embedded default is made once, has 32 bytes of chance, and is its owner's only."""
    path = tmp_path / "jwt.key"
    before = os.umask(0)
    key = generated_key(path)
    os.umask(before)

    assert generated_key(path) == key
    assert len(bytes.fromhex(key)) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
