"""What goes in and out as JSON. Entities go out as they are: a model names the columns that are shown."""
