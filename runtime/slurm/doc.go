// Package slurm is what Slurm calls in the place of an OCI runtime (RunTimeRun of
// oci.conf), for a job in an exported bundle (srun --container).
//
// Slurm writes a config.json of its own, with the command of the job in the place of
// PID 1, uid 0 and its capabilities, and the environment of whoever submitted it. Here
// the bundle's own configuration is put back, and only the command is taken over, as
// arguments of PID 1.
//
// What does not belong here: what a bundle is (bundle), and jobs that call
// "jailed-claude run" themselves, which Slurm runs as any program.
package slurm
