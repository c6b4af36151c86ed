"""Who does the jobs of a run: this process, worker processes of this machine, or a dask cluster.

Each is a function with one interface: it takes a `Task`, the jobs and the number of the first ones, and
yields each job with its result as it comes, or with `Lost`. The task is the same code for all.
"""

from trichoscan.study.executors.task import Executor, Lost, Task

__all__ = ["Executor", "Lost", "Task"]
