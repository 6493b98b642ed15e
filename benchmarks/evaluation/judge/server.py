"""The page's server: pictures of pairs out, votes in. Made for this machine or a trusted network."""

import base64
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse
from pydantic import BaseModel, StringConstraints

from benchmarks.evaluation.blind.verdicts import Grade, Side, Verdict
from benchmarks.evaluation.judge.folder import PairFolder
from benchmarks.evaluation.judge.votes import VoteFile

PAGE = Path(__file__).with_name("page.html")
JudgeName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]


class Vote(BaseModel):
    """What the page sends."""

    judge: JudgeName
    pair: int
    preferred: Side
    left_grade: Grade
    right_grade: Grade


def create_app(pairs: PairFolder, votes: VoteFile) -> FastAPI:
    """An application for one folder of pairs and one file of votes."""
    app = FastAPI(title="Fewstroke judge", docs_url=None, redoc_url=None, openapi_url=None)
    page = PAGE.read_text(encoding="utf-8")
    policy = _policy(page)

    @app.middleware("http")
    async def keep_apart(request: Request, answer: Callable[[Request], Any]) -> Response:
        response: Response = await answer(request)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    @app.get("/")
    def show() -> HTMLResponse:
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    @app.get("/pairs")
    def list_pairs() -> dict[str, Any]:
        return {"set": pairs.set, "pairs": pairs.listing()}

    @app.get("/pictures/{name}")
    def picture(name: str) -> FileResponse:
        if f"pictures/{name}" not in pairs.pictures:
            raise HTTPException(404, "No such picture: reload the page.")
        return FileResponse(
            pairs.folder / "pictures" / name, headers={"Cache-Control": "private, max-age=3600"}
        )

    @app.get("/votes")
    def list_votes(judge: JudgeName) -> list[Verdict]:
        return list(votes.read().by_judge.get(judge, ()))

    @app.post("/votes", status_code=201)
    def vote(given: Vote) -> Verdict:
        if given.pair not in pairs.pairs:
            raise HTTPException(404, f"There is no pair {given.pair}: reload the page.")
        verdict = Verdict(given.pair, given.preferred, given.left_grade, given.right_grade)
        try:
            votes.append(given.judge, verdict)
        except OSError as error:
            raise HTTPException(
                507, f"The vote could not be written ({error.strerror}): it is sent again."
            ) from error
        return verdict

    return app


def _policy(page: str) -> str:
    """Nothing but the page's own script, style and pictures; its inline parts are named by their hashes."""
    sources = {
        part: " ".join(
            f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
            for text in re.findall(rf"<{part}>(.*?)</{part}>", page, re.DOTALL)
        )
        for part in ("script", "style")
    }
    return (
        f"default-src 'none'; script-src {sources['script']}; style-src {sources['style']}; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'"
    )
