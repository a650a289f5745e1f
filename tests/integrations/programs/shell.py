"""Commands and their output, by a block and by a task."""

import asyncio

from prefect_shell import ShellOperation, shell_run_command

from prefect import flow


@flow
def run_operation() -> list[str]:
    ShellOperation(commands=["echo $GREETING", "echo done"], env={"GREETING": "hello"}).save("greet")
    with ShellOperation.load("greet") as operation:
        process = operation.trigger()
        process.wait_for_completion()
        return process.fetch_result()


@flow
async def run_command() -> str:
    return await shell_run_command("echo task", return_all=False)


assert run_operation() == ["hello", "done"]
assert asyncio.run(run_command()) == "task"
