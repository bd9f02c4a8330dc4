"""The networks: tensors in, tensors out; one entry of :data:`tkit.zoo.NETS` a module."""
