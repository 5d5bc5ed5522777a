"""Controls: what must hold before money moves: approvals, limits, funds."""
