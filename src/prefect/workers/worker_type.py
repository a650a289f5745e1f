"""Facts of a type of worker that need no instance: its configuration, its default job template, its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from prefect.types.names import slugify
from prefect.workers import registry
from prefect.workers.job_configuration import BaseJobConfiguration, BaseVariables

if TYPE_CHECKING:
    from prefect.workers.leftovers.cleanup import WorkerCleanupHandler

C = TypeVar("C", bound=BaseJobConfiguration)
V = TypeVar("V", bound=BaseVariables)


class WorkerType(Generic[C, V]):
    """The base of workers with what concerns their type. A subclass that sets `type` is found by it."""

    type: str
    job_configuration: type[C] = BaseJobConfiguration  # pyright: ignore[reportAssignmentType]
    job_configuration_variables: type[V] | None = None

    cleanup_handlers: ClassVar[tuple[WorkerCleanupHandler, ...]] = ()
    """Handlers of clean-up jobs, instead of the one that calls `kill_infrastructure`."""
    cleanup_max_concurrency: ClassVar[int | None] = None
    """How many clean-up jobs it executes at a time; four if None."""

    _documentation_url = ""
    _logo_url = ""
    _description = ""

    name: str

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if isinstance(vars(cls).get("type"), str):
            registry.register(cls.type, cls)

    @classmethod
    def get_documentation_url(cls) -> str:
        """Return the address of the documentation of this type of worker."""
        return cls._documentation_url

    @classmethod
    def get_logo_url(cls) -> str:
        """Return the address of the logo of this type of worker."""
        return cls._logo_url

    @classmethod
    def get_description(cls) -> str:
        """Return what this type of worker does."""
        return cls._description

    @classmethod
    def get_default_base_job_template(cls) -> dict[str, Any]:
        """Return the job template of a pool of this type: each variable is a field of its name."""
        described = cls.job_configuration_variables or cls.job_configuration
        schema = described.model_json_schema(ref_template="#/definitions/{model}")
        variables: dict[str, Any] = {"type": "object", "properties": schema.get("properties", {})}
        if "required" in schema:
            variables["required"] = schema["required"]
        definitions = schema.get("definitions") or schema.get("$defs")
        if definitions:
            variables["definitions"] = definitions
        return {"job_configuration": cls.job_configuration.json_template(), "variables": variables}

    @staticmethod
    def get_worker_class_from_type(type: str) -> type[Any] | None:
        """Return the class of a type of worker; None if no installed package has it."""
        return registry.find(type)

    @staticmethod
    def get_all_available_worker_types() -> list[str]:
        """Return the types of worker of this package and of the packages that are installed."""
        return registry.find_types()

    def get_name_slug(self) -> str:
        """Return the name in lower case, with hyphens, as events have it."""
        return slugify(self.name)
