"""Answers the library's questions for a token from the app's provider."""

from __future__ import annotations

import asyncio
import logging

from ._backend import TokenQuestion, TokenSource
from ._encode import is_unicode
from .options import SignedOut, TokenProvider

log = logging.getLogger("keepline.tokens")


async def answer_questions(source: TokenSource, provider: TokenProvider) -> None:
    """Runs until the client ends. Where the library asks again, it has given the old call up, and so does this."""
    answer: _Answer | None = None
    try:
        while (question := await source.next_question()) is not None:
            if answer is not None:
                answer.give_up()
            answer = _Answer(question, provider)
    finally:
        source.end()
        if answer is not None:
            answer.give_up()


class _Answer:
    """A call of the provider under way.

    It is a task of its own: whether the provider was given up or has itself raised `CancelledError`, which awaiting a
    cancelled task does, could not be told apart where it is awaited.
    """

    def __init__(self, question: TokenQuestion, provider: TokenProvider) -> None:
        self._question = question
        self._calling = asyncio.ensure_future(_token(question, provider))
        self._calling.add_done_callback(self._called)

    def give_up(self) -> None:
        """Its answer is not waited for any more."""
        self._calling.remove_done_callback(self._called)
        self._calling.cancel()

    def _called(self, calling: asyncio.Task[str]) -> None:
        try:
            token = calling.result()
        except SignedOut:
            self._question.reject(signed_out=True)
        except BaseException:
            log.exception("the token provider failed")
            self._question.reject(signed_out=False)
        else:
            self._question.resolve(token)


async def _token(question: TokenQuestion, provider: TokenProvider) -> str:
    token = await provider(question.reason)
    if not isinstance(token, str):
        raise TypeError(f"the token provider gave {type(token).__name__} and no str")
    if not is_unicode(token):
        # The encoder's own error has the token in it.
        raise ValueError("the token provider gave a str with a lone surrogate")
    return token
