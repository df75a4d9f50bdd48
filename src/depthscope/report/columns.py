"""Columns that tables of several studies have in common."""

from depthscope.report.table import Column

# of an effect whose interval stands in low and high
DZ = Column("dz [95 % interval]", "{dz:effect low high}")
P, N = Column("p", "{p:p}"), Column("n", "{n}")
