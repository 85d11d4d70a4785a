<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Watcher;

use Magento\Cron\Model\ResourceModel\Schedule as ScheduleResource;
use Magento\Cron\Model\Schedule;
use Magento\Framework\DataObject;
use Magento\Framework\FlagManager;
use Magento\Framework\Lock\LockManagerInterface;
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
    private const STARTED_OR_KILLED = 'executed_at IS NOT NULL OR messages IS NULL';
    private const GIVEN_UP = 'eventbridge_agent_cron';
    private const REMEMBERED_SECONDS = 604800;
    private const LOCK_SECONDS = 5;
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
     * @var LockManagerInterface
     */
    private $locks;

    /**
     * @var FlagManager
     */
    private $flags;

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
     * The IDs of schedules whose end was captured here, as keys.
     *
     * @var bool[]
     */
    private $ended = [];

    /**
     * @param CronJob $snapshots
     * @param CaptureRecorder $recorder
     * @param ScheduleResource $schedules
     * @param LockManagerInterface $locks
     * @param FlagManager $flags
     * @param float $secondsToSave how long a process may take to save how its job ended
     */
    public function __construct(
        CronJob $snapshots,
        CaptureRecorder $recorder,
        ScheduleResource $schedules,
        LockManagerInterface $locks,
        FlagManager $flags,
        float $secondsToSave = 1.0
    ) {
        $this->snapshots = $snapshots;
        $this->recorder = $recorder;
        $this->schedules = $schedules;
        $this->locks = $locks;
        $this->flags = $flags;
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
     *
     * If Magento cannot create the job's object, it saves the job as running with the reason, and leaves it so.
     */
    public function saved(Schedule $schedule): void
    {
        $status = (string)$schedule->getStatus();
        $job = (string)$schedule->getJobCode();
        if ($status === Schedule::STATUS_RUNNING && !isset($this->running[$job])) {
            if ((string)$schedule->getMessages() === '') {
                $this->start($job, null);
            } else {
                $status = Schedule::STATUS_ERROR;
            }
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
     * Returns the schedules of these jobs that are marked as running; none if the events are switched off. Those that
     * could not start were captured when Magento saved the reason.
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
            ->where('job_code IN (?)', $jobs)
            ->where(self::STARTED_OR_KILLED);

        return array_column($connection->fetchAll($select), null, 'schedule_id');
    }

    /**
     * Captures those of the running jobs that Magento has given up as it starts them again: they were killed.
     *
     * Magento marks them by SQL, without a message, while it has the job's lock: so one process captures. It also marks a
     * job whose process has released the lock and is about to save how it ended: so they are read again after a moment.
     *
     * @param array[] $running
     * @return void
     */
    public function restarted(array $running): void
    {
        $givenUp = $this->restartedNow(array_diff_key($running, $this->ended));
        if ($givenUp) {
            usleep((int)($this->secondsToSave * 1e6));
            $givenUp = $this->restartedNow($givenUp);
        }
        $this->giveUp($givenUp, null);
    }

    /**
     * Captures those of the running jobs that Magento has given up as they never ended.
     *
     * Magento marks them by SQL as timed out, and then it deletes old ones. All processes that run meanwhile have seen
     * them running: the first one that comes here captures.
     *
     * @param array[] $running
     * @return void
     */
    public function timedOut(array $running): void
    {
        $running = array_diff_key($running, $this->ended);
        $now = $this->read(array_keys($running));
        $timedOut = array_filter($running, function (array $schedule, int $id) use ($now): bool {
            return isset($now[$id])
                ? $now[$id]['status'] === Schedule::STATUS_ERROR && $now[$id]['messages'] === self::TIME_OUT
                : (bool)$schedule['is_overdue'];
        }, ARRAY_FILTER_USE_BOTH);
        $this->giveUp($timedOut, self::TIME_OUT);
    }

    /**
     * Captures that Magento has given up jobs, except those that another process has captured. They are remembered in the
     * database, as caches are flushed.
     *
     * Without the lock, both may capture: twice is better than not at all.
     *
     * @param array[] $schedules
     * @param string|null $messages
     * @return void
     */
    private function giveUp(array $schedules, ?string $messages): void
    {
        if (!$schedules) {
            return;
        }
        $isLocked = $this->locks->lock(self::GIVEN_UP, self::LOCK_SECONDS);
        try {
            $now = time();
            $captured = array_filter((array)$this->flags->getFlagData(self::GIVEN_UP), function ($time) use ($now): bool {
                return (int)$time > $now - self::REMEMBERED_SECONDS;
            });
            $this->ended += array_fill_keys(array_keys($schedules), true);
            foreach (array_diff_key($schedules, $captured) as $id => $schedule) {
                $job = $schedule['job_code'];
                $snapshot = $this->snapshots->of($job, null, Schedule::STATUS_ERROR, $messages, null);
                $this->recorder->record(self::FINISHED, null, $snapshot);
                $captured[$id] = $now;
            }
            $this->flags->saveFlag(self::GIVEN_UP, $captured);
        } finally {
            if ($isLocked) {
                $this->locks->unlock(self::GIVEN_UP);
            }
        }
    }

    /**
     * Returns those of the running jobs that are marked as failed without a message.
     *
     * @param array[] $running
     * @return array[]
     */
    private function restartedNow(array $running): array
    {
        $now = $this->read(array_keys($running));

        return array_filter($running, function (int $id) use ($now): bool {
            return isset($now[$id])
                && $now[$id]['status'] === Schedule::STATUS_ERROR
                && $now[$id]['messages'] === null;
        }, ARRAY_FILTER_USE_KEY);
    }

    /**
     * Returns status and messages of schedules that there are, by ID.
     *
     * @param int[] $ids
     * @return array[]
     */
    private function read(array $ids): array
    {
        if (!$ids) {
            return [];
        }
        $connection = $this->schedules->getConnection();
        $select = $connection->select()
            ->from($this->schedules->getMainTable(), ['schedule_id', 'status', 'messages'])
            ->where('schedule_id IN (?)', $ids);

        return array_column($connection->fetchAll($select), null, 'schedule_id');
    }

    /**
     * Captures that a job started.
     */
    private function start(string $job, ?string $group): void
    {
        $this->running[$job] = [$group, microtime(true)];
        if ($this->recorder->isOn(self::STARTED, null)) {
            $snapshot = $this->snapshots->of($job, $group, Schedule::STATUS_RUNNING, null, null);
            $this->recorder->record(self::STARTED, null, $snapshot);
        }
    }
}
