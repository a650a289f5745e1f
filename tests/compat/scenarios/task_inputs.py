"""What is recorded as a task run's inputs."""

from _facts import fact, run_id, task_runs

from prefect import allow_failure, flow, tags, task, unmapped
from prefect.utilities.annotations import quote


@task
def source(x="s"):
    return {"k": x}


@task
def number():
    return 1000


@task
def small():
    return 1


@task
def none():
    return None


@task
def text():
    return "some text"


@task
def three(a=None, b=None, c=None):
    return object()


@task
def bad():
    raise ValueError("broke")


@flow
def child(x=None):
    return {"child": 1}


def inputs(name, body, ended):
    """The inputs of the task run called `look` that `body` starts, with ids as the names of what they belong to."""
    look = three.with_options(name="look", task_run_name="look")
    outer = flow(name="f")(lambda: (body(look), None)[1])
    final = outer(return_state=True)
    runs = task_runs(run_id(final), ended)
    names = {str(run.id): run.name.rsplit("-", 1)[0] for run in runs}
    looked = [run for run in runs if run.name == "look"]
    found = [
        {
            # The original has them in the order of a set.
            key: sorted(
                (
                    dict(
                        each.model_dump(mode="json"),
                        **({"id": names.get(str(each.id), "elsewhere")} if hasattr(each, "id") else {}),
                    )
                    for each in value
                ),
                key=str,
            )
            for key, value in run.task_inputs.items()
            if key != "__parents__"  # the original now and then names one here, where no task is around the task
        }
        for run in looked
    ]
    fact(name, found[0] if len(found) == 1 else found)


inputs("constants", lambda look: look(1, "a", [1, 2]), 1)
inputs("future", lambda look: look.submit(source.submit()).wait(), 2)
inputs("future in a list", lambda look: look.submit([source.submit(), number.submit()]).wait(), 3)
inputs("future in a dict", lambda look: look.submit({"a": {"b": source.submit()}}).wait(), 2)
inputs("same future twice", lambda look: (lambda f: look.submit(f, f, [f, f]).wait())(source.submit()), 2)
inputs("same future in two", lambda look: (lambda f: look.submit(f, f).wait())(source.submit()), 2)
inputs("same future in a list", lambda look: (lambda f: look.submit([f, f]).wait())(source.submit()), 2)
inputs("a finished future", lambda look: (lambda f: (f.wait(), look.submit(f).wait()))(source.submit()), 2)
inputs("the result of a future", lambda look: (lambda f: look.submit(f.result()).wait())(source.submit()), 2)
inputs("a finished future called", lambda look: (lambda f: (f.wait(), look(f)))(source.submit()), 2)
inputs("plain dict value", lambda look: look(source()), 2)
inputs("plain value in a list", lambda look: look([source()]), 2)
inputs("plain int", lambda look: look(number()), 2)
inputs("plain small int", lambda look: look(small()), 2)
inputs("plain none", lambda look: look(none()), 2)
inputs("plain text", lambda look: look(text()), 2)
inputs("plain object", lambda look: look(three()), 2)
inputs("part of a plain value", lambda look: look(source()["k"]), 2)
inputs("state", lambda look: look(source(return_state=True)), 2)
inputs("wait_for future", lambda look: look.submit(1, wait_for=[source.submit()]).wait(), 2)
inputs("wait_for plain", lambda look: look(1, wait_for=[source()]), 2)
inputs("wait_for state", lambda look: look(1, wait_for=[source(return_state=True)]), 2)
inputs("unmapped future", lambda look: look.submit(unmapped(source.submit())).wait(), 2)
inputs("allow_failure", lambda look: look.submit(allow_failure(bad.submit())).wait(), 2)
inputs("quote", lambda look: look.submit(quote(source())).wait(), 2)
inputs("mapped", lambda look: look.map(source.map(["x"]), unmapped(number.submit())).wait(), 3)
inputs("subflow result", lambda look: look(child()), 2)
inputs("two of one", lambda look: (lambda v: look(v, v))(source()), 2)


@flow(name="with-parameters")
def with_parameters(p, q=2):
    three(p, q)


final = with_parameters({"a": 1})
final = with_parameters({"a": 1}, return_state=True)
fact("flow parameters", task_runs(run_id(final), 1)[0].task_inputs)


@task
def outer_task():
    return source()


@flow
def nested():
    outer_task()


final = nested(return_state=True)
names = {}
for run in task_runs(run_id(final), 2):
    fact(
        f"nested task: {run.name.rsplit('-', 1)[0]}",
        {key: [{"input_type": e.input_type} for e in value] for key, value in run.task_inputs.items()},
    )


@flow
def with_child():
    child(source())


final = with_child(return_state=True)
for run in task_runs(run_id(final), 2):
    fact(
        f"subflow's task run: {run.name.rsplit('-', 1)[0]}",
        {key: [{"input_type": e.input_type} for e in value] for key, value in run.task_inputs.items()},
    )
