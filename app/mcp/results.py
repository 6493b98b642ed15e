"""What a job has made, as the content of a tool's answer: text, links, small pictures."""

import base64
from typing import Any

from mcp_types import CallToolResult, ContentBlock, ImageContent, ResourceLink, TextContent

from app.jobs.job import JobState
from app.mcp.api_client import ApiClient, ApiRefusalError

_SIDE = 512  # px of a picture that a model looks at
_SHOWN = 4  # pictures of one answer; the others are links


def is_over(job: dict[str, Any]) -> bool:
    """Whether the job has ended."""
    return JobState(job["state"]).terminal


async def result_of(api: ApiClient, job: dict[str, Any]) -> CallToolResult:
    """The outcome of a job, or that it goes on. Raises ApiRefusalError."""
    about = {"job_id": job["id"], "state": job["state"], "style_id": job["style_id"]}
    if not is_over(job):
        text = f"Job {job['id']} is {job['state']}: call wait_for_job with its id."
        return CallToolResult(content=[TextContent(text=text)], structured_content=about)
    if job["state"] != "succeeded":
        error = job["error"] or {}
        text = f"Job {job['id']} {job['state']}: {error.get('detail', 'try it again.')}"
        return CallToolResult(content=[TextContent(text=text)], structured_content=about, is_error=True)
    content: list[ContentBlock] = [TextContent(text=_summary(job))]
    links = []
    for number, image in enumerate(job["result"]["images"]):
        link, shown = await _picture(api, image["id"], show=number < _SHOWN)
        links.append(link.uri)
        content += [link, *shown]
    for file in job["result"]["files"]:
        link, shown = await _file(api, file["id"])
        links.append(link.uri)
        content += [link, *shown]
    return CallToolResult(content=content, structured_content={**about, "links": links})


def _summary(job: dict[str, Any]) -> str:
    if job["kind"] == "adapt":
        return f"Style {job['style_id']} is learned: apply it by this id."
    learned = "learned on the way" if job["kind"] == "stylize_once" else "used"
    return f"Done; style {job['style_id']} was {learned}. The links work for an hour, without a key."


async def _picture(api: ApiClient, image_id: str, *, show: bool) -> tuple[ResourceLink, list[ContentBlock]]:
    image = await api.get(f"/v1/images/{image_id}")
    link = ResourceLink(
        uri=api.link(image["url"]),
        name=f"{image_id}.{image['media_type'].partition('/')[2]}",
        description=f"{image['width']}x{image['height']} pixels",
        mime_type=image["media_type"],
        size=image["size_bytes"],
    )
    if not show:
        return link, []
    try:
        data, media_type = await api.small(await api.content(image["url"]), _SIDE)
    except ApiRefusalError as error:  # the scope `read` is enough for the link alone
        return link, [TextContent(text=f"No small picture: {error}")]
    return link, [ImageContent(data=base64.b64encode(data).decode("ascii"), mime_type=media_type)]


async def _file(api: ApiClient, file_id: str) -> tuple[ResourceLink, list[ContentBlock]]:
    file = await api.get(f"/v1/files/{file_id}")
    link = ResourceLink(
        uri=api.link(file["url"]),
        name=f"{file_id}.{file['form']}",
        mime_type=file["media_type"],
        size=file["size_bytes"],
    )
    if not file["media_type"].startswith("text/"):
        return link, []
    return link, [TextContent(text=(await api.content(file["url"])).decode("utf-8", "replace"))]
