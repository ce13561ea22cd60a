"""The small lessons of the page Basics: the arithmetic of gradients, by hand and by torch, on a handful of numbers."""
