<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Snapshot;

use Magento\Cron\Model\ConfigInterface;

/**
 * A run of a cron job, with the job's configuration.
 */
class CronJob
{
    /**
     * @var ConfigInterface
     */
    private $config;

    /**
     * @param ConfigInterface $config
     */
    public function __construct(ConfigInterface $config)
    {
        $this->config = $config;
    }

    /**
     * Takes the snapshot of a run.
     */
    public function of(string $job, ?string $group, string $status, ?string $messages, ?float $duration): Snapshot
    {
        $jobs = $this->config->getJobs();
        if ($group === null) {
            $group = $this->groupOf($job, $jobs);
        }

        return new Snapshot('cron/' . $job, [
            'job_code' => $job,
            'group_id' => $group,
            'job_config' => (object)array_filter($jobs[$group][$job] ?? [], 'is_scalar'),
            'status' => $status,
            'messages' => $messages,
            'duration' => $duration,
        ]);
    }

    /**
     * Returns the job's group; null if it has none.
     */
    private function groupOf(string $job, array $jobs): ?string
    {
        foreach ($jobs as $group => $members) {
            if (isset($members[$job])) {
                return (string)$group;
            }
        }

        return null;
    }
}
