"""Building and pushing images with `docker buildx`."""

from prefect.docker.buildx import buildx_build_image as buildx_build_image
from prefect.docker.buildx import buildx_push_image as buildx_push_image
