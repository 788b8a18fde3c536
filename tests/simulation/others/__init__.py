"""Who acts beside the functions: operators by their verbs, and the deployed services by their statements."""
