"""The MCP server: lists the tools and calls them; what they refuse is told to the model that called."""

from typing import Any

from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    ToolAnnotations,
)
from mcp_types import Tool as ToolDescription
from pydantic import ValidationError

from app.mcp.api_client import ApiClient, ApiRefusalError
from app.mcp.tools import TOOLS, Tool
from app.validators import pydantic_says

_INSTRUCTIONS = """Learns a style from a few examples and makes new works in it: photos redrawn, songs,
Chinese poems, English stories. Learn with learn_style or pick one from list_styles; then stylize, compose or
write. What takes longer than you wait goes on as a job: wait_for_job."""


def mcp_server(api: ApiClient, version: str) -> Server[Any]:
    """A server whose tools call ``api``."""

    async def list_tools(_context: Any, _page: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[_described(name, tool) for name, tool in TOOLS.items()])

    async def call_tool(_context: Any, asked: CallToolRequestParams) -> CallToolResult:
        tool = TOOLS.get(asked.name)
        if tool is None:
            raise MCPError(INVALID_PARAMS, f"There is no tool {asked.name[:40]!r}: list them.")
        try:
            return await tool.call(api, tool.arguments.model_validate(asked.arguments or {}))
        except ValidationError as error:
            wrong = (f"{'.'.join(map(str, item['loc']))}: {pydantic_says(item)}" for item in error.errors())
            return _refused(f"Correct these arguments: {'; '.join(wrong)}.")
        except ApiRefusalError as error:
            return _refused(str(error))

    return Server(
        "fewstroke",
        version=version,
        title="Fewstroke",
        instructions=" ".join(_INSTRUCTIONS.split()),
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


async def serve_stdio(api: ApiClient, version: str) -> None:
    """Serve the tools on standard input and output until it ends."""
    server = mcp_server(api, version)
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


def _described(name: str, tool: Tool) -> ToolDescription:
    schema = tool.arguments.model_json_schema()
    description = " ".join(schema.pop("description").split())
    return ToolDescription(
        name=name,
        description=description,
        input_schema=schema,
        annotations=ToolAnnotations(
            read_only_hint=tool.reads_only, destructive_hint=False, open_world_hint=False
        ),
    )


def _refused(why: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=why)], is_error=True)
