"""The former path of `prefect_aws.bundles.execute`, which work pools of earlier releases name."""

from prefect_aws.bundles.execute import DownloadResult, download_bundle_from_s3, execute_bundle_from_s3, main

__all__ = ["DownloadResult", "download_bundle_from_s3", "execute_bundle_from_s3"]

if __name__ == "__main__":
    main()
