"""The public path of the schedules of the API; they live in `prefect.schemas`."""

from prefect.schemas.schedules import DEFAULT_ANCHOR_DATE as DEFAULT_ANCHOR_DATE
from prefect.schemas.schedules import MAX_ITERATIONS as MAX_ITERATIONS
from prefect.schemas.schedules import MAX_RRULE_LENGTH as MAX_RRULE_LENGTH
from prefect.schemas.schedules import SCHEDULE_TYPES as SCHEDULE_TYPES
from prefect.schemas.schedules import CronSchedule as CronSchedule
from prefect.schemas.schedules import IntervalSchedule as IntervalSchedule
from prefect.schemas.schedules import NoSchedule as NoSchedule
from prefect.schemas.schedules import RRuleSchedule as RRuleSchedule
from prefect.schemas.schedules import construct_schedule as construct_schedule
from prefect.schemas.schedules import is_schedule_type as is_schedule_type
from prefect.schemas.schedules import is_valid_timezone as is_valid_timezone
from prefect.schemas.schedules import validate_cron_string as validate_cron_string
from prefect.schemas.schedules import validate_rrule_string as validate_rrule_string
