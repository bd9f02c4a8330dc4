"""The trainable stages: one entry of :data:`tkit.pipelines.STAGES` a package."""
