/** What to run on a server where nothing has run yet. */
export const FIRST_PROGRAM = `from prefect import flow, task

@task
def say(name):
    print("Hello", name)

@flow(log_prints=True)
def hello():
    say("world")

hello()`
