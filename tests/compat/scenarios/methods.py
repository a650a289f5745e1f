"""Methods, class methods, static methods as flows and tasks."""

from _facts import fact, trace

from prefect import flow, task


class Thing:
    def __init__(self, base):
        self.base = base

    @task
    def add(self, x):
        return self.base + x

    @flow
    def run(self, x):
        return self.add(x)

    @task
    @staticmethod
    def static_inside(x):
        return x

    @staticmethod
    @task
    def static(x):
        return x

    @classmethod
    @task
    def cls_task(cls, x):
        return [cls.__name__, x]

    @flow
    @classmethod
    def cls_flow(cls, x):
        return [cls.__name__, x]

    @flow
    @staticmethod
    def static_flow(x):
        return x

    @task
    async def aadd(self, x):
        return self.base + x


class Child(Thing):
    pass


thing = Thing(10)
trace("flow method", thing.run, 1)
trace("task method", thing.add, 1)
trace("task method in a flow", flow(lambda: thing.add(2)))
trace("submit method", flow(lambda: thing.add.submit(2).result()))
trace("map method", flow(lambda: thing.add.map([1, 2]).result()))
trace("through the class", flow(lambda: Thing.add(thing, 3)))
trace("static inside", flow(lambda: [thing.static_inside(1), Thing.static_inside(2)]))
trace("static outside", flow(lambda: [thing.static(1), Thing.static(2)]))
trace("class task", flow(lambda: [thing.cls_task(1), Child.cls_task(2)]))
trace("class flow", lambda: [thing.cls_flow(1), Thing.cls_flow(2)])
trace("static flow", lambda: [thing.static_flow(1), Thing.static_flow(2)])
trace("keyword", lambda: thing.run(x=5))
trace("with_options", lambda: thing.run.with_options(name="other")(1))
trace("another instance", lambda: [Thing(1).run(1), Thing(2).run(1)])
fact("names", [Thing.run.name, Thing.add.name, thing.run.name])
trace("state", lambda: thing.run(1, return_state=True))
trace("async method", lambda: thing.aadd(1))
