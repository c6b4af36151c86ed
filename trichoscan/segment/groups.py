"""Links that hang together: what shares no end is decided apart, so that no photo is too large to decide."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def linked_groups(one: NDArray[np.int64], other: NDArray[np.int64]) -> list[NDArray[np.intp]]:
    """Split links into those that hang together, by way of the things they link.

    Parameters
    ----------
    one, other : (L,) int64
        Numbers, from 0 on, of the two things that each link would join.

    Returns
    -------
    list of (M,) int64
        Numbers of the links of each group, ascending.
    """
    if not len(one):
        return []
    nodes = int(max(one.max(), other.max())) + 1
    graph = coo_array((np.ones(len(one)), (one, other)), shape=(nodes, nodes))
    _, group = connected_components(graph, directed=False)
    label = group[one]
    order = np.argsort(label, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(label[order])) + 1)
