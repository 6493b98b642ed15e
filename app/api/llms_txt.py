"""``/llms.txt``: what a model that reads it should know of this service (llmstxt.org)."""

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from app.http.hrefs import href

router = APIRouter(include_in_schema=False)

LLMS_TXT = """# Fewstroke

> Learns a style from a few examples and makes new works in it, over HTTP: photos redrawn in the style of five
> pictures, songs in the manner of a composer, Chinese poems, English stories.

Calls that start work answer with a job: send `Prefer: wait=60` to get the result in the same answer, and an
`Idempotency-Key` to send a request again without starting the work twice. Keys go into
`Authorization: Bearer fsk_...`. Errors have a `code` and a `detail` that says what to do next.

## For programs

- [OpenAPI](/openapi.json): every call with examples
- [MCP](/mcp): tools (streamable HTTP): learn_style, stylize, compose, write, list_styles, wait_for_job
- [OpenAI images](/v1/images/edits): with an OpenAI client, `base_url` is this service and `/v1`; the first
  image is the photo, the others are examples of the style
- [Styles that come with the service](/v1/styles?preset=true): use their ids, or short names such as hokusai

## The calls that matter

- `POST /v1/stylize`: form fields `examples` (1 to 16 files) and `content` (a photo); with
  `Accept: image/png` the answer is the picture
- `POST /v1/styles`: `examples`; learns a style that is kept
- `POST /v1/stylizations`: `style_id` and `contents`; puts a style on photos
- `POST /v1/batches`: `style_id` and `photos`, a ZIP of thousands; `GET /v1/batches/{id}/zip` has the pictures
- `POST /v1/compositions`, `POST /v1/poems`, `POST /v1/stories`: `style_id` of a style of music or of texts
- `GET /v1/jobs/{id}`, `GET /v1/jobs/{id}/events`: how far a job is

## For people

- [The studio](/): the same by hand
- [Reference](/docs): the calls, to try out
"""


@router.get("/llms.txt")
async def read_llms_txt() -> PlainTextResponse:
    """The text, the same for everybody; its links have the prefix of a proxy."""
    return PlainTextResponse(
        LLMS_TXT.replace("](/", f"]({href('/')}"), media_type="text/markdown; charset=utf-8"
    )
