"""From a form to a durable job: read the form, know it again, write the job, answer."""
