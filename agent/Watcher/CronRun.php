<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Watcher;

use Magento\Cron\Model\Schedule;
use Magento\Framework\DataObject;
use MagentoEventBridge\Agent\Snapshot\CronJob;

/**
 * Captures the start and the end of a cron job.
 */
class CronRun implements WatcherInterface
{
    private const STARTED = 'cron_job_run';
    private const FINISHED = 'plugin:cron_schedule.save';
    private const ENDS = [Schedule::STATUS_SUCCESS, Schedule::STATUS_ERROR, Schedule::STATUS_MISSED];

    /**
     * @var CronJob
     */
    private $snapshots;

    /**
     * @var CaptureRecorder
     */
    private $recorder;

    /**
     * Group and start time of the running jobs, by their codes.
     *
     * @var array[]
     */
    private $running = [];

    public function __construct(CronJob $snapshots, CaptureRecorder $recorder)
    {
        $this->snapshots = $snapshots;
        $this->recorder = $recorder;
    }

    /**
     * Magento is about to run a job, and names its group: "cron/<group>/<job>". Magento 2.3 does not.
     */
    public function on(string $event, DataObject $data): void
    {
        $name = explode('/', (string)$data->getData('job_name'), 3);
        if (count($name) < 3) {
            return;
        }
        if (isset($this->running[$name[2]])) {
            $this->running[$name[2]][0] = $name[1];
        } else {
            $this->start($name[2], $name[1]);
        }
    }

    /**
     * Magento has saved a job's place in the schedule: just before the job runs, and when it has ended.
     */
    public function saved(Schedule $schedule): void
    {
        $status = (string)$schedule->getStatus();
        $job = (string)$schedule->getJobCode();
        if ($status === Schedule::STATUS_RUNNING && !isset($this->running[$job])) {
            $this->start($job, null);
        }
        if (!in_array($status, self::ENDS, true)) {
            return;
        }
        $now = microtime(true);
        list($group, $start) = $this->running[$job] ?? [null, null];
        unset($this->running[$job]);
        if ($this->recorder->isOn(self::FINISHED, null)) {
            $messages = $schedule->getMessages();
            $this->recorder->record(self::FINISHED, null, $this->snapshots->of(
                $job,
                $group,
                $status,
                $messages === null ? null : (string)$messages,
                $start === null ? null : round($now - $start, 4)
            ));
        }
    }

    private function start(string $job, ?string $group): void
    {
        $this->running[$job] = [$group, microtime(true)];
        if ($this->recorder->isOn(self::STARTED, null)) {
            $snapshot = $this->snapshots->of($job, $group, Schedule::STATUS_RUNNING, null, null);
            $this->recorder->record(self::STARTED, null, $snapshot);
        }
    }
}
