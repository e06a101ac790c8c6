"""A modern server (2026-07-28) with the tools that the suite's scenarios of the tasks extension call.

Speaks the wire itself. A task is a coroutine that answers as its tool would, and may ask in the middle.
"""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from tests.conformance.servers.asgi import reply, request_of
from tests.conformance.servers.rounds import META, VERSION, misrouted
from tests.conformance.servers.tools import Json, Refused
from tests.support.servers.everyday import listen

EXTENSION = META + "tasks"
FORM = {"type": "object", "properties": {"name": {"type": "string"}}}
ASKED = {"method": "elicitation/create", "params": {"mode": "form", "message": "Who?", "requestedSchema": FORM}}
TOOLS = ("greet", "slow_compute", "failing_job", "protocol_error_job", "confirm_delete", "multi_input",
         "test_tool_with_task")  # fmt: skip
# Those that run in no other way.
ALONE = ("failing_job", "protocol_error_job", "confirm_delete", "multi_input", "test_tool_with_task")
UNABLE = Refused(-32021, "Missing required client capability", requiredCapabilities={"extensions": {EXTENSION: {}}})


class Task:
    """One task, and what it asks its client. `now` is what it shows beside its name and times."""

    def __init__(self, work: Callable[["Task"], Awaitable[Json]]) -> None:
        self.id = str(uuid.uuid4())
        self.made = datetime.now(UTC).isoformat()
        self.now: Json = {"status": "working"}
        self.answers: Json = {}
        self.answered = asyncio.Event()
        self.running = asyncio.get_running_loop().create_task(self.run(work))

    async def run(self, work: Callable[["Task"], Awaitable[Json]]) -> None:
        try:
            self.now = {"status": "completed", "result": await work(self)}
        except Refused as refused:
            self.now = {"status": "failed", "error": refused.error}

    async def ask(self, *keys: str) -> Json:
        while open_ones := [key for key in keys if key not in self.answers]:
            self.now = {"status": "input_required", "inputRequests": dict.fromkeys(open_ones, ASKED)}
            self.answered.clear()
            await self.answered.wait()
        self.now = {"status": "working"}
        return self.answers

    def update(self, answers: Json) -> None:
        self.answers |= answers
        left = {key: asked for key, asked in self.now.get("inputRequests", {}).items() if key not in self.answers}
        if left:
            self.now = {"status": "input_required", "inputRequests": left}
        self.answered.set()

    def cancel(self) -> None:
        if not self.running.done():
            self.running.cancel()
            self.now = {"status": "cancelled"}

    @property
    def shown(self) -> Json:
        times = {"createdAt": self.made, "lastUpdatedAt": datetime.now(UTC).isoformat()}
        return {"taskId": self.id, **times, "ttlMs": 60000, "pollIntervalMs": 100, **self.now}


TASKS: dict[str, Task] = {}


def text(said: str, **more: Any) -> Json:
    return {"resultType": "complete", "content": [{"type": "text", "text": said}], **more}


async def work(name: str, arguments: Json, given: Json, task: Task | None) -> Json:
    match name:
        case "greet":
            return text(f"Hello, {arguments.get('name')}!")
        case "slow_compute":
            await asyncio.sleep(arguments["seconds"] / 4)
            return text("computed")
        case "failing_job":
            await asyncio.sleep(0.3)
            return text("it failed", isError=True)
        case "protocol_error_job":
            raise Refused(-32603, "The job broke")
        case "test_tool_with_task":
            return text(json.dumps(given))
        case _:
            assert task is not None, "who asks runs as a task"
            return text(json.dumps(await task.ask(*(["one", "two"] if name == "multi_input" else ["confirm"]))))


async def call(params: Json, *, able: bool) -> Json:
    name, arguments, given = params["name"], params.get("arguments", {}), params.get("inputResponses", {})
    if name not in TOOLS:
        raise Refused(-32602, f"Unknown tool: {name}")
    if name in ALONE and not able:
        raise UNABLE
    if name == "test_tool_with_task" and not given:
        return {"resultType": "input_required", "inputRequests": {"user_name": ASKED}, "requestState": "asked"}
    if name == "greet" or not able or arguments.get("seconds") == 0:
        return await work(name, arguments, given, None)
    task = Task(lambda task: work(name, arguments, given, task))
    TASKS[task.id] = task
    return {"resultType": "task", **task.shown}


async def outcome(method: str, params: Json) -> Json:
    able = EXTENSION in params["_meta"][META + "clientCapabilities"].get("extensions", {})
    hints: Json = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
    match method:
        case "server/discover":
            return {
                "supportedVersions": [VERSION],
                "capabilities": {"tools": {}, "extensions": {EXTENSION: {}}},
            } | hints
        case "tools/list":
            return {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS]} | hints
        case "tools/call":
            return await call(params, able=able)
        case "tasks/get" | "tasks/update" | "tasks/cancel" if not able:
            raise UNABLE
        case "tasks/get" | "tasks/update" | "tasks/cancel":
            task = TASKS.get(params["taskId"])
            if task is None:
                raise Refused(-32602, "Unknown task")
            if method == "tasks/get":
                return {"resultType": "complete", **task.shown}
            if method == "tasks/update":
                task.update(params["inputResponses"])
            else:
                task.cancel()
            return {"resultType": "complete"}
    raise Refused(-32601, "Method not found")


async def app(scope: Json, receive: Any, send: Any) -> None:
    request = await request_of(scope, receive, send)
    if request is None:
        return
    headers, message = request
    ident, method, params = message["id"], message.get("method", ""), message.get("params") or {}
    if method.startswith("tasks/") and headers.pop("mcp-name", params.get("taskId")) != params.get("taskId"):
        error: Json | None = {"code": -32020, "message": "Header mismatch"}
    else:
        error = misrouted(headers, method, params)
    result: Json = {}
    try:
        result = await outcome(method, params) if error is None else {}
    except Refused as refused:
        error = refused.error
    told = {"result": result} if error is None else {"error": error}
    status = 200 if error is None else 404 if error["code"] == -32601 else 400
    await reply(send, status, {"jsonrpc": "2.0", "id": ident, **told})


if __name__ == "__main__":
    listen(app)
