"""How well the scene detectors find cuts, dissolves and fades whose place is known."""
