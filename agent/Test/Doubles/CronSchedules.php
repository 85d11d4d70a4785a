<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Test\Doubles;

/**
 * The table of cron schedules, as a connection that answers any query with all rows.
 */
class CronSchedules
{
    /**
     * @var array[]
     */
    private $rows;

    public function __construct(array $rows)
    {
        $this->rows = $rows;
    }

    public function select(): self
    {
        return $this;
    }

    public function from(): self
    {
        return $this;
    }

    public function where(): self
    {
        return $this;
    }

    public function fetchAll(): array
    {
        return array_values($this->rows);
    }
}
