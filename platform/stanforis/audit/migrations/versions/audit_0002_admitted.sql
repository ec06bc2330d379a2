-- Policies look at tenancy.context, which is quicker than verifying anew for each statement. Partitions are asked through
-- their parents, so those to come keep what audit.protect gives them.
SELECT tenancy.guard('audit');
