"""The routes, one module a noun. They call the business and write nothing of their own."""
