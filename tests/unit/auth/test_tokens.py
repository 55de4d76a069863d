"""Tokens: what was signed with one of our keys and has not expired passes, and nothing else."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from shillings.auth import tokens as tokens_module
from shillings.auth.tokens import Claims, Tokens
from shillings.base import ids
from shillings.base.clock import FixedClock
from shillings.base.environment import Environment
from shillings.base.epoch import Epoch
from shillings.base.errors import Code, Refusal
from shillings.base.ids import RandomIds
from shillings.base.limits import TOKEN_CHARACTERS_MAX
from tests.unit.auth import forged
from tests.values import new_id


@pytest.fixture
def clock() -> FixedClock:
    """A frozen clock."""
    return FixedClock(datetime.fromtimestamp(forged.NOW, UTC))


@pytest.fixture
def environment(clock: FixedClock) -> Environment:
    """The clock, and ids that nobody can foretell."""
    return Environment(clock, RandomIds(clock), random.Random())


@pytest.fixture
def tokens(environment: Environment) -> Tokens:
    """Tokens of one key, living 60 seconds."""
    return Tokens([forged.KEY], 60, environment)


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
    user_id = new_id()
    token, claims = tokens.make(user_id)
    _, others = tokens.make(user_id)

    assert tokens.verify(token) == claims
    assert (claims.user_id, claims.expires_at) == (user_id, forged.NOW + 60)
    assert claims.token_id != others.token_id
    assert len(token) < TOKEN_CHARACTERS_MAX / 2


def test_token_ends_on_time(tokens: Tokens, clock: FixedClock) -> None:
    """A token that was verified before is refused from the second on at which it expires."""
    token, claims = tokens.make(new_id())
    assert tokens.verify(token) == claims
    clock.moment += timedelta(seconds=59.9)
    assert tokens.verify(token) == claims
    assert tokens.seconds_left(claims) == 0
    clock.moment += timedelta(seconds=0.1)

    with pytest.raises(Refusal):
        tokens.verify(token)
    assert tokens.seconds_left(claims) == 0
    clock.moment += timedelta(hours=1)
    assert tokens.seconds_left(claims) == 0


def test_keys_rotate(environment: Environment) -> None:
    """A new key in front signs; the old one still verifies, until it is taken out."""
    old, new = Tokens([forged.WRONG_KEY], 60, environment), Tokens([forged.KEY, forged.WRONG_KEY], 60, environment)
    after = Tokens([forged.KEY], 60, environment)
    old_token, claims = old.make(new_id())
    new_token, new_claims = new.make(new_id())

    assert new.verify(old_token) == claims
    assert after.verify(new_token) == new_claims
    for verifier, token in ((after, old_token), (old, new_token)):
        with pytest.raises(Refusal):
            verifier.verify(token)


def test_token_of_another_epoch_is_over(environment: Environment) -> None:
    """A token holds in the epoch in which it was made, and in no other."""
    epoch = Epoch()
    tokens = Tokens([forged.KEY], 60, environment, epoch)
    made = []
    for number in (0, 1, 2):
        epoch.begin(number)
        made.append(tokens.make(new_id()))
    epoch.begin(1)

    assert tokens.verify(made[1][0]) == made[1][1]
    assert [tokens.is_over(claims) for _, claims in made] == [True, False, True]
    for token, _ in (made[0], made[2]):
        with pytest.raises(Refusal):
            tokens.verify(token)
