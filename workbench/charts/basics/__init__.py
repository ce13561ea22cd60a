"""Charts of the small lessons of the page Basics, one file a lesson."""
