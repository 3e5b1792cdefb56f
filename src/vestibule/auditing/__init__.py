"""The audit as people use it: what it hears of visits and refusals, its pages, its exports, its proof."""
