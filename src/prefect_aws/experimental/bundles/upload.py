"""The former path of `prefect_aws.bundles.upload`, which work pools of earlier releases name."""

from prefect_aws.bundles.upload import UploadResult, main, upload_bundle_to_s3

__all__ = ["UploadResult", "upload_bundle_to_s3"]

if __name__ == "__main__":
    main()
