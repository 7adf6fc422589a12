"""Events in bulk: a file of them, in whatever format, taken in as if they were told one by one."""
