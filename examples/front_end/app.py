"""A page of your own in front of Fewstroke: ``uvicorn app:app``. Visitors need no key: this program has it.

FEWSTROKE_URL and FEWSTROKE_KEY name the service. Put a limit of your own before it: every visitor
uses your quota.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import escape
from typing import Annotated

from fastapi import FastAPI, File, Form, HTTPException, Response, UploadFile
from fastapi.responses import HTMLResponse

from fewstroke_client import ApiError, AsyncClient, JobFailedError

PAGE = """<!doctype html><meta charset="utf-8"><title>In this style</title>
<form action="drawn" method="post" enctype="multipart/form-data">
<p><label>Photo <input type="file" name="photo" accept="image/*" required></label>
<p><label>Style <select name="style">{styles}</select></label>
<p><button>Draw it</button></form>"""
client: AsyncClient


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """One client, with its connections, for all requests."""
    global client
    async with AsyncClient() as client:
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/", response_class=HTMLResponse)
async def page() -> str:
    """The form, with the styles that come with the service."""
    styles = [style async for style in client.list_styles(preset=True, status=["ready"])]
    options = (f'<option value="{style.id}">{escape(style.name or style.id)}</option>' for style in styles)
    return PAGE.format(styles="".join(options))


@app.post("/drawn")
async def drawn(photo: Annotated[UploadFile, File()], style: Annotated[str, Form()]) -> Response:
    """The picture."""
    try:
        made = await client.stylize_photo(await photo.read(), style=style, timeout=120)
    except ApiError as error:
        raise HTTPException(error.status, str(error)) from error
    except JobFailedError as error:
        raise HTTPException(502, str(error)) from error
    return Response(made.data, media_type=made.media_type)
