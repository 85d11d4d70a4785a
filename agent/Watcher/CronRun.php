<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Watcher;

use Magento\Cron\Model\Schedule;
use Magento\Framework\DataObject;
use MagentoEventBridge\Agent\Snapshot\CronJob;

/**
 * Tells that a cron job started, and how it ended.
 */
class CronRun implements WatcherInterface
{
    private const FINISHED = 'plugin:cron_schedule.save';
    private const ENDS = [Schedule::STATUS_SUCCESS, Schedule::STATUS_ERROR, Schedule::STATUS_MISSED];

    /**
     * @var CronJob
     */
    private $snapshots;

    /**
     * @var Teller
     */
    private $teller;

    /**
     * Group and start of the jobs that run, by their codes.
     *
     * @var array[]
     */
    private $running = [];

    public function __construct(CronJob $snapshots, Teller $teller)
    {
        $this->snapshots = $snapshots;
        $this->teller = $teller;
    }

    /**
     * Magento is about to run a job; its name is "cron/<group>/<job>".
     */
    public function on(string $event, DataObject $data): void
    {
        $name = explode('/', (string)$data->getData('job_name'), 3);
        if (count($name) < 3) {
            return;
        }
        $this->running[$name[2]] = [$name[1], microtime(true)];
        if ($this->teller->isOn($event, null)) {
            $snapshot = $this->snapshots->of($name[2], $name[1], Schedule::STATUS_RUNNING, null, null);
            $this->teller->tell($event, null, $snapshot);
        }
    }

    /**
     * Magento has saved a job's place in the schedule: it may have ended.
     */
    public function saved(Schedule $schedule): void
    {
        $status = (string)$schedule->getStatus();
        if ($status === Schedule::STATUS_RUNNING) {
            // Magento saves a job as running just before it says so.
            $this->running[(string)$schedule->getJobCode()] ??= [null, microtime(true)];
            return;
        }
        if (!in_array($status, self::ENDS, true)) {
            return;
        }
        $now = microtime(true);
        $job = (string)$schedule->getJobCode();
        list($group, $start) = $this->running[$job] ?? [null, null];
        unset($this->running[$job]);
        if ($this->teller->isOn(self::FINISHED, null)) {
            $messages = $schedule->getMessages();
            $this->teller->tell(self::FINISHED, null, $this->snapshots->of(
                $job,
                $group,
                $status,
                $messages === null ? null : (string)$messages,
                $start === null ? null : round($now - $start, 4)
            ));
        }
    }
}
