"""Answers the library's questions for a token from the app's provider."""

from __future__ import annotations

import asyncio
import logging

from ._backend import TokenQuestion, TokenSource
from .options import SignedOut, TokenProvider

log = logging.getLogger("keepline.tokens")


async def answer_questions(source: TokenSource, provider: TokenProvider) -> None:
    """Runs until the client ends. Where the library asks again, it has given the old call up, and so does this."""
    answering: asyncio.Task[None] | None = None
    try:
        while (question := await source.next_question()) is not None:
            if answering is not None:
                answering.cancel()
            answering = asyncio.ensure_future(_answer(question, provider))
    finally:
        source.end()
        if answering is not None:
            answering.cancel()


async def _answer(question: TokenQuestion, provider: TokenProvider) -> None:
    try:
        token = await provider(question.reason)
        if not isinstance(token, str):
            raise TypeError(f"the token provider gave {type(token).__name__} and no str")
    except SignedOut:
        question.reject(signed_out=True)
    except Exception:
        log.exception("the token provider failed")
        question.reject(signed_out=False)
    else:
        question.resolve(token)
