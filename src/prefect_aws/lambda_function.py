"""Functions of AWS Lambda."""

from __future__ import annotations

import base64
import json
from typing import Any, ClassVar, Literal

from pydantic import Field

from prefect.blocks.core import Block
from prefect_aws._dual import dual, in_thread
from prefect_aws.credentials import AwsCredentials


class LambdaFunction(Block):
    """A function of AWS Lambda that has been deployed.

    Attributes:
        function_name: Its name, ARN or partial ARN.
        qualifier: The version or alias; the latest if unset.
        aws_credentials: The credentials.

    Example:
        ```python
        from prefect_aws import LambdaFunction

        LambdaFunction.load("BLOCK_NAME").invoke(payload={"foo": "bar"})
        ```
    """

    _block_type_name: ClassVar[str | None] = "Lambda Function"

    function_name: str = Field(
        title="Function Name",
        description="The name, ARN, or partial ARN of the Lambda function to run.",
    )
    qualifier: str | None = Field(
        default=None, title="Qualifier", description="The version or alias of the Lambda function to use when invoked."
    )
    aws_credentials: AwsCredentials = Field(
        default_factory=AwsCredentials,
        title="AWS Credentials",
        description="The AWS credentials to connect to AWS.",
    )

    def _invoke(
        self,
        payload: dict[str, Any] | None = None,
        invocation_type: Literal["RequestResponse", "Event", "DryRun"] = "RequestResponse",
        tail: bool = False,
        client_context: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Call the function; return the answer of boto3, whose `Payload` is a stream.

        Args:
            payload: Its argument.
            invocation_type: Whether to wait for its end, to start it only, or to check only.
            tail: Whether the answer has the last 4 KB of its log.
            client_context: What the function finds in its client context.
        """
        arguments: dict[str, Any] = {"FunctionName": self.function_name, "InvocationType": invocation_type}
        if self.qualifier is not None:
            arguments["Qualifier"] = self.qualifier
        if payload is not None:
            arguments["Payload"] = json.dumps(payload).encode()
        if tail:
            arguments["LogType"] = "Tail"
        if client_context is not None:
            arguments["ClientContext"] = base64.b64encode(json.dumps(client_context).encode()).decode()
        return self.aws_credentials.get_client("lambda").invoke(**arguments)

    ainvoke = in_thread(_invoke)
    invoke = dual(ainvoke)
