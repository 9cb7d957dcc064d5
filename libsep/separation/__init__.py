"""Models, and how a mixture of any length passes through one and becomes its stems."""
