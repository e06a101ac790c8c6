"""A legacy server (2025-11-25) that runs tools as tasks: `slow` in no other way, `either` where its client wants that.

Speaks the wire itself, over stdio or (`http`) HTTP with a stream of its own for what belongs to no call. A task belongs
to the session that made it. Environment: TASKING_SERVES (its capabilities, JSON).
"""

import asyncio
import json
import os
import sys
import uuid
from typing import Any

from asking_legacy import App, Json, Send, Session, form, over_stdio  # pyright: ignore[reportMissingImports]

SERVES = json.loads(
    os.environ.get("TASKING_SERVES", '{"tools":{},"tasks":{"cancel":{},"requests":{"tools":{"call":{}}}}}')
)
TOOLS = {"slow": "required", "either": "optional", "finish": "", "journal": ""}
RELATED = "io.modelcontextprotocol/related-task"
NOW = "2025-11-25T00:00:00Z"


class Task:
    """`wants` is what its maker said about it."""

    def __init__(self, wants: Json, token: object) -> None:
        self.wants, self.token = wants, token
        self.over = asyncio.Event()
        self.shown = {"taskId": str(uuid.uuid4()), "status": "working", "createdAt": NOW, "lastUpdatedAt": NOW,
                      "ttl": 60000, "pollInterval": wants.get("interval", 50)}  # fmt: skip
        self.outcome: Json = wants.get("outcome") or {"result": {"content": [{"type": "text", "text": "the outcome"}]}}


class Tasking(Session):
    """One client's session, and its tasks."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks: dict[str, Task] = {}

    def receive(self, message: Json, send: Send) -> None:
        method = message.get("method", "")
        if method.startswith(("tasks/", "notifications/cancelled")) or method == "tools/call":
            name = (message.get("params") or {}).get("name", "")
            self.journal.append(f"{method} {name}".strip())
        super().receive(message, send)

    async def result_of(self, method: str, params: Json, send: Send) -> Json:
        if method == "initialize":
            self.declared = params["capabilities"]
            info = {"name": "tasking", "version": "1"}
            return {"result": {"protocolVersion": "2025-11-25", "capabilities": SERVES, "serverInfo": info}}
        if method == "tools/list":
            tools = [{"name": name, "inputSchema": {"type": "object"}, **execution(how)} for name, how in TOOLS.items()]
            return {"result": {"tools": tools}}
        if method == "tools/call":
            return await self.called(params["name"], params.get("arguments") or {}, params, send)
        if method.startswith("tasks/"):
            return await self.of_task(method, params, send)
        return await super().result_of(method, params, send)

    async def called(self, name: str, arguments: Json, params: Json, send: Send) -> Json:
        if name == "finish":
            for task in list(self.tasks.values()):
                if task.wants.get("label") == arguments["label"]:
                    self.end(task, arguments.get("status", "completed"), send)
            return text("finished")
        if name == "journal":
            return text(json.dumps(self.journal))
        if "task" not in params:
            return error(-32601, "This tool runs as a task") if name == "slow" else text("at once")
        await asyncio.sleep(arguments.get("lag", 0))
        task = Task(arguments, params.get("_meta", {}).get("progressToken"))
        self.tasks[str(task.shown["taskId"])] = task
        made = dict(task.shown)
        if arguments.get("asks"):
            task.shown["status"] = "input_required"
        if "after" in arguments:
            asyncio.get_running_loop().call_later(arguments["after"], self.end, task, "completed", send)
        if arguments.get("hasty"):
            self.end(task, "completed", send)  # told before the task is named
        return {"result": {"task": made}}

    def end(self, task: Task, status: str, send: Send) -> None:
        aside = self.aside or send
        if task.token is not None:
            progress = {"progressToken": task.token, "progress": 1}
            aside({"jsonrpc": "2.0", "method": "notifications/progress", "params": progress})
        task.shown["status"] = status
        task.over.set()
        if not task.wants.get("quiet"):
            aside({"jsonrpc": "2.0", "method": "notifications/tasks/status", "params": task.shown})

    async def of_task(self, method: str, params: Json, send: Send) -> Json:
        task = self.tasks.get(params.get("taskId", ""))
        if task is None:
            return error(-32602, "Unknown task")
        related = {RELATED: {"taskId": task.shown["taskId"]}}
        match method:
            case "tasks/get":
                if task.wants.get("die"):
                    os._exit(3)
                return {"result": task.shown}
            case "tasks/cancel":
                task.shown["status"] = "cancelled"
                task.over.set()
                return {"result": task.shown}
            case "tasks/result" if task.wants.get("asks"):
                asked = form(task.wants["asks"])["params"]
                given = await self.ask(send, "elicitation/create", {**asked, "_meta": related})
                task.shown["status"] = "completed"
                return {"result": {**text(json.dumps(given))["result"], "_meta": related}}
            case "tasks/result":
                await task.over.wait()
                if "error" in task.outcome:
                    return task.outcome
                return {"result": {**task.outcome["result"], "_meta": related}}
        return error(-32601, "Method not found")


def execution(how: str) -> Json:
    return {"execution": {"taskSupport": how}} if how else {}


def text(said: str) -> Json:
    return {"result": {"content": [{"type": "text", "text": said}]}}


def error(code: int, message: str) -> Json:
    return {"error": {"code": code, "message": message}}


def main() -> Any:
    if "http" not in sys.argv:
        return asyncio.run(over_stdio(Tasking()))
    from everyday import listen

    return listen(App(aside=True, opens=Tasking))


if __name__ == "__main__":
    main()
