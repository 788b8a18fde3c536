"""Three accounts of the same money compared, batch by batch: ours, ChangeNow's, the chain's."""
