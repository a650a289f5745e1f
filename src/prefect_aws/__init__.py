"""Blocks for Amazon Web Services and for stores with the interface of S3, such as MinIO.

They use public paths of `prefect` only, as the packages of other people do. boto3 is imported when a client is made.
"""

from prefect_aws.client_parameters import AwsClientParameters
from prefect_aws.credentials import AwsCredentials, MinIOCredentials
from prefect_aws.lambda_function import LambdaFunction
from prefect_aws.s3 import S3Bucket
from prefect_aws.secrets_manager import AwsSecret

__all__ = ["AwsClientParameters", "AwsCredentials", "AwsSecret", "LambdaFunction", "MinIOCredentials", "S3Bucket"]
