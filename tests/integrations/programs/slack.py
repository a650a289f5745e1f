"""A message reaches a webhook on this machine, by a task and by the block."""

import asyncio
import os

from prefect_slack import SlackWebhook
from prefect_slack.messages import send_incoming_webhook_message

from prefect import flow

webhook = SlackWebhook(url=os.environ["HOOK_URL"])


@flow
async def main() -> None:
    await send_incoming_webhook_message(slack_webhook=webhook, text="from the task")
    await webhook.notify(body="from the block", subject="Flow")


asyncio.run(main())
