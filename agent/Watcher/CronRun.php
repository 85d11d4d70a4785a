<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Watcher;

use Magento\Cron\Model\ResourceModel\Schedule as ScheduleResource;
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
    private const TIME_OUT = 'Time out';
    private const OVERDUE = 'scheduled_at < UTC_TIMESTAMP() - INTERVAL 1 DAY';
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
     * @var ScheduleResource
     */
    private $schedules;

    /**
     * @var float
     */
    private $secondsToSave;

    /**
     * Group and start time of the running jobs, by their codes.
     *
     * @var array[]
     */
    private $running = [];

    /**
     * The codes of jobs that were started here, as keys.
     *
     * @var bool[]
     */
    private $started = [];

    /**
     * The IDs of schedules whose end was captured here, as keys.
     *
     * @var bool[]
     */
    private $ended = [];

    /**
     * @param CronJob $snapshots
     * @param CaptureRecorder $recorder
     * @param ScheduleResource $schedules
     * @param float $secondsToSave how long a process may take to save how its job ended
     */
    public function __construct(
        CronJob $snapshots,
        CaptureRecorder $recorder,
        ScheduleResource $schedules,
        float $secondsToSave = 1.0
    ) {
        $this->snapshots = $snapshots;
        $this->recorder = $recorder;
        $this->schedules = $schedules;
        $this->secondsToSave = $secondsToSave;
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
        if ($schedule->getId()) {
            $this->ended[(int)$schedule->getId()] = true;
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

    /**
     * Returns the schedules of these jobs that are marked as running; none if the events are switched off.
     *
     * @param string[] $jobs
     * @return array[] by ID: `job_code`, and whether it `is_overdue`: Magento then marks it as timed out
     */
    public function running(array $jobs): array
    {
        if (!$jobs || !$this->recorder->isOn(self::FINISHED, null)) {
            return [];
        }
        $connection = $this->schedules->getConnection();
        $select = $connection->select()
            ->from($this->schedules->getMainTable(), ['schedule_id', 'job_code', 'is_overdue' => new \Zend_Db_Expr(self::OVERDUE)])
            ->where('status = ?', Schedule::STATUS_RUNNING)
            ->where('job_code IN (?)', $jobs);

        return array_column($connection->fetchAll($select), null, 'schedule_id');
    }

    /**
     * Captures those of the running jobs that Magento has given up: they were killed, or never ended.
     *
     * Magento marks them by SQL: as timed out, and then it deletes old ones; or without a message, when it starts the job
     * again: several processes may have seen it running, and the one that starts it captures. A job that failed has
     * its own message, and was captured where it ran. Magento also marks a job whose process has released the job's
     * lock and is about to save how it ended: so they are read again after a moment.
     *
     * @param array[] $running
     * @return void
     */
    public function givenUp(array $running): void
    {
        $givenUp = $this->messagesOfGivenUp(array_diff_key($running, $this->ended));
        if ($givenUp) {
            usleep((int)($this->secondsToSave * 1e6));
            $givenUp = $this->messagesOfGivenUp(array_intersect_key($running, $givenUp));
        }
        foreach ($givenUp as $id => $messages) {
            $this->ended[$id] = true;
            $code = $running[$id]['job_code'];
            $snapshot = $this->snapshots->of($code, null, Schedule::STATUS_ERROR, $messages, null);
            $this->recorder->record(self::FINISHED, null, $snapshot);
        }
    }

    /**
     * Returns the messages of the jobs that are given up now, by the IDs of their schedules.
     *
     * @param array[] $running
     * @return (string|null)[]
     */
    private function messagesOfGivenUp(array $running): array
    {
        if (!$running) {
            return [];
        }
        $connection = $this->schedules->getConnection();
        $select = $connection->select()
            ->from($this->schedules->getMainTable(), ['schedule_id', 'status', 'messages'])
            ->where('schedule_id IN (?)', array_keys($running));
        $now = array_column($connection->fetchAll($select), null, 'schedule_id');
        $givenUp = [];
        foreach ($running as $id => $schedule) {
            $isDeleted = !isset($now[$id]);
            $messages = $isDeleted ? self::TIME_OUT : $now[$id]['messages'];
            $isGivenUp = $isDeleted
                ? (bool)$schedule['is_overdue']
                : $now[$id]['status'] === Schedule::STATUS_ERROR
                    && ($messages === self::TIME_OUT
                        || $messages === null && isset($this->started[$schedule['job_code']]));
            if ($isGivenUp) {
                $givenUp[$id] = $messages;
            }
        }

        return $givenUp;
    }

    /**
     * Captures that a job started.
     */
    private function start(string $job, ?string $group): void
    {
        $this->running[$job] = [$group, microtime(true)];
        $this->started[$job] = true;
        if ($this->recorder->isOn(self::STARTED, null)) {
            $snapshot = $this->snapshots->of($job, $group, Schedule::STATUS_RUNNING, null, null);
            $this->recorder->record(self::STARTED, null, $snapshot);
        }
    }
}
